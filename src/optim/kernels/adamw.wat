;; One AdamW update and one step of the moving average, in place, four elements at a time, in float32. The formulas are
;; those of the class AdamW; each is written as a step from the old value towards the new one, so that the rounding of
;; coefficients near 1 (0.999, 0.9999) shifts no fixed point.
(module
  (import "kernels" "memory" (memory 1))

  ;; count: elements, a multiple of 4 above 0. The others point to the first byte of each array.
  ;; decay = lr * weight decay, rest1 = 1 - beta1, rest2 = 1 - beta2. With `average` 0 there is no moving average.
  (func (export "update")
    (param $count i32) (param $p i32) (param $g i32) (param $m i32) (param $v i32) (param $average i32)
    (param $clipScale f32) (param $rest1 f32) (param $rest2 f32) (param $decay f32) (param $stepSize f32)
    (param $rootScale f32) (param $eps f32) (param $emaDecay f32)
    (local $i i32) (local $end i32)
    (local $gradient v128) (local $first v128) (local $second v128) (local $value v128)
    (local.set $end (i32.shl (local.get $count) (i32.const 2)))
    (loop $next
      (local.set $gradient (f32x4.mul
        (v128.load (i32.add (local.get $g) (local.get $i)))
        (f32x4.splat (local.get $clipScale))))
      ;; first += rest1 * (gradient - first)
      (local.set $first (v128.load (i32.add (local.get $m) (local.get $i))))
      (local.set $first (f32x4.add (local.get $first) (f32x4.mul
        (f32x4.splat (local.get $rest1))
        (f32x4.sub (local.get $gradient) (local.get $first)))))
      (v128.store (i32.add (local.get $m) (local.get $i)) (local.get $first))
      ;; second += rest2 * (gradient^2 - second)
      (local.set $second (v128.load (i32.add (local.get $v) (local.get $i))))
      (local.set $second (f32x4.add (local.get $second) (f32x4.mul
        (f32x4.splat (local.get $rest2))
        (f32x4.sub (f32x4.mul (local.get $gradient) (local.get $gradient)) (local.get $second)))))
      (v128.store (i32.add (local.get $v) (local.get $i)) (local.get $second))
      ;; value -= decay * value + stepSize * first / (sqrt(second) * rootScale + eps)
      (local.set $value (v128.load (i32.add (local.get $p) (local.get $i))))
      (local.set $value (f32x4.sub (local.get $value) (f32x4.add
        (f32x4.mul (f32x4.splat (local.get $decay)) (local.get $value))
        (f32x4.div
          (f32x4.mul (f32x4.splat (local.get $stepSize)) (local.get $first))
          (f32x4.add
            (f32x4.mul (f32x4.sqrt (local.get $second)) (f32x4.splat (local.get $rootScale)))
            (f32x4.splat (local.get $eps)))))))
      (v128.store (i32.add (local.get $p) (local.get $i)) (local.get $value))
      ;; average = value - emaDecay * (value - average)
      (if (local.get $average) (then
        (v128.store (i32.add (local.get $average) (local.get $i)) (f32x4.sub
          (local.get $value)
          (f32x4.mul
            (f32x4.splat (local.get $emaDecay))
            (f32x4.sub (local.get $value) (v128.load (i32.add (local.get $average) (local.get $i)))))))))
      (local.set $i (i32.add (local.get $i) (i32.const 16)))
      (br_if $next (i32.lt_u (local.get $i) (local.get $end))))))
