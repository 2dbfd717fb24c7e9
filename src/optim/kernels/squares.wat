;; Sum of the squares of float32 values, in float64: four sums side by side, of every fourth value each.
(module
  (import "kernels" "memory" (memory 1))

  ;; values: the first byte; count: elements, a multiple of 4 above 0.
  (func (export "sumOfSquares") (param $values i32) (param $count i32) (result f64)
    (local $end i32)
    (local $four v128) (local $low v128) (local $high v128) (local $pair v128)
    (local.set $end (i32.add (local.get $values) (i32.shl (local.get $count) (i32.const 2))))
    (loop $next
      (local.set $four (v128.load (local.get $values)))
      (local.set $pair (f64x2.promote_low_f32x4 (local.get $four)))
      (local.set $low (f64x2.add (local.get $low) (f64x2.mul (local.get $pair) (local.get $pair))))
      (local.set $pair (f64x2.promote_low_f32x4
        (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $four) (local.get $four))))
      (local.set $high (f64x2.add (local.get $high) (f64x2.mul (local.get $pair) (local.get $pair))))
      (local.set $values (i32.add (local.get $values) (i32.const 16)))
      (br_if $next (i32.lt_u (local.get $values) (local.get $end))))
    (f64.add
      (f64.add (f64x2.extract_lane 0 (local.get $low)) (f64x2.extract_lane 1 (local.get $low)))
      (f64.add (f64x2.extract_lane 0 (local.get $high)) (f64x2.extract_lane 1 (local.get $high))))))
