"""Makes the models of this folder: small ones as other exporters write them, without their weights, and what they hold.

Weights are declared as external data in a file that does not exist; nothing here needs their values. Multiply-accumulates
are counted by torch.utils.flop_counter, or by hand where the graph is made by hand.
"""

import json
import sys
import warnings

import numpy as np
import onnx
import timm
import torch
from onnx import TensorProto, helper, numpy_helper
from torch.utils.flop_counter import FlopCounterMode

warnings.filterwarnings("ignore")
timm.layers.set_fused_attn(False)
index = {}


def strip(model):
    """Removes weights, notes, and the shapes of inner values, which a reader is to find by itself."""
    del model.graph.value_info[:], model.metadata_props[:]
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in [*model.graph.input, *model.graph.output, *model.graph.initializer]:
        del value.metadata_props[:]
        value.doc_string = ""
    tensors = list(model.graph.initializer)
    tensors += [a.t for n in model.graph.node if n.op_type == "Constant" for a in n.attribute if a.name == "value"]
    for tensor in tensors:
        array = numpy_helper.to_array(tensor)
        if array.size < 32 or array.dtype.kind not in "fiu":
            continue
        for field in ("raw_data", "float_data", "int32_data", "int64_data"):
            tensor.ClearField(field)
        tensor.data_location = TensorProto.EXTERNAL
        del tensor.external_data[:]
        for key, value in [("location", "weights.bin"), ("offset", "0"), ("length", str(array.nbytes))]:
            tensor.external_data.add(key=key, value=value)


def stored_parameters(model):
    """Floats in tensors that some node reads, without scalars, statistics and scales."""
    settings = {"BatchNormalization": (3, 4), "DequantizeLinear": (1, 2), "QuantizeLinear": (1, 2), "Pow": (1,), "Clip": (1, 2), "Resize": (1, 2, 3), "Pad": (2,)}
    tensors = {t.name: t for t in model.graph.initializer if len(t.dims) > 0}
    for node in model.graph.node:
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.name == "value" and np.prod(attribute.t.dims) > 1:
                    tensors[node.output[0]] = attribute.t
    read = {name for n in model.graph.node for i, name in enumerate(n.input) if i not in settings.get(n.op_type, ())}
    floats = (TensorProto.FLOAT, TensorProto.FLOAT16)
    return int(sum(np.prod(t.dims) for name, t in tensors.items() if name in read and t.data_type in floats))


def save(name, model, **facts):
    facts = {"parameters": stored_parameters(model), **facts, "nodes": len(model.graph.node)}
    strip(model)
    onnx.save(model, f"{name}.onnx")
    index[name] = facts


def export(name, architecture, dynamo, **options):
    torch.manual_seed(0)
    model = timm.create_model(architecture, **options).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, 0, 0.02)
    size = options.get("img_size", 64)
    x = torch.randn(2, 3, size, size)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(x[:1])
    names = dict(input_names=["input"], output_names=["output"])
    path = f"/tmp/{name}.onnx"
    if dynamo:
        batch = ({0: torch.export.Dim("batch")},)
        torch.onnx.export(model, (x,), path, dynamo=True, dynamic_shapes=batch, external_data=False, verbose=False, **names)
    else:
        axes = {"input": {0: "batch"}, "output": {0: "batch"}}
        torch.onnx.export(model, (x,), path, dynamo=False, dynamic_axes=axes, opset_version=17, **names)
    macs = counter.get_total_flops() // 2
    learned = sum(p.numel() for p in model.parameters())
    save(name, onnx.load(path), macs=macs, learned=learned, made_by=f"torch.onnx, {'dynamo' if dynamo else 'legacy'}", architecture=architecture)


def tensor(name, *shape, dtype=np.float32):
    return numpy_helper.from_array(np.ones(shape, dtype), name)


def as_tf2onnx_writes():
    """Images [?, H, W, C] that are transposed, padding by name, and a reshape to a shape that is computed."""
    ints = lambda name, values: numpy_helper.from_array(np.array(values, np.int64), name)
    nodes = [
        helper.make_node("Transpose", ["images"], ["nchw"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["nchw", "w0", "b0"], ["c0"], auto_pad="SAME_UPPER", strides=[2, 2], kernel_shape=[3, 3]),
        helper.make_node("BatchNormalization", ["c0", "scale", "shift", "mean", "variance"], ["n0"]),
        helper.make_node("Clip", ["n0", "zero", "six"], ["r0"]),
        helper.make_node("Conv", ["r0", "w1"], ["c1"], auto_pad="SAME_LOWER", group=8, kernel_shape=[3, 3], dilations=[2, 2]),
        helper.make_node("Transpose", ["c1"], ["nhwc"], perm=[0, 2, 3, 1]),
        helper.make_node("Shape", ["nhwc"], ["shape"]),
        helper.make_node("Cast", ["shape"], ["shape32"], to=TensorProto.INT32),
        helper.make_node("Slice", ["shape32", "s0", "s1", "s0"], ["batch"]),
        helper.make_node("Concat", ["batch", "rest"], ["target32"], axis=0),
        helper.make_node("Cast", ["target32"], ["target"], to=TensorProto.INT64),
        helper.make_node("Reshape", ["nhwc", "target"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w2"], ["m0"]),
        helper.make_node("Add", ["m0", "b2"], ["logits"]),
    ]
    weights = [
        tensor("w0", 8, 3, 3, 3), tensor("b0", 8), *(tensor(n, 8) for n in ("scale", "shift", "mean", "variance")),
        tensor("w1", 8, 1, 3, 3), tensor("w2", 11 * 11 * 8, 5), tensor("b2", 5), tensor("zero"), tensor("six"),
        ints("s0", [0]), ints("s1", [1]), numpy_helper.from_array(np.array([-1], np.int32), "rest"),
    ]
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["unk__1", 21, 21, 3])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "tf2onnx", [images], [logits], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], producer_name="tf2onnx", ir_version=8)
    macs = 11 * 11 * 8 * 27 + 11 * 11 * 8 * 9 + 11 * 11 * 8 * 5
    save("tf2onnx", model, macs=macs, learned=8 * 27 + 8 + 16 + 72 + 11 * 11 * 8 * 5 + 5, made_by="onnx.helper, as tf2onnx writes")


def quantised():
    """A convolution whose weight is dequantised, one on integers, and a product of com.microsoft; batch 4."""
    nodes = [
        helper.make_node("DequantizeLinear", ["w0", "ws", "wz"], ["w0f"], axis=0),
        helper.make_node("Conv", ["x", "w0f", "b0"], ["c0"], pads=[1, 1, 1, 1]),
        helper.make_node("QuantizeLinear", ["c0", "s", "z"], ["q0"]),
        helper.make_node("QLinearConv", ["q0", "s", "z", "w1", "s", "z", "s", "z", "b1"], ["q1"], strides=[2, 2]),
        helper.make_node("DequantizeLinear", ["q1", "s", "z"], ["d1"]),
        helper.make_node("GlobalAveragePool", ["d1"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("MatMulNBits", ["f", "w2", "w2s"], ["y"], domain="com.microsoft", K=32, N=10, bits=4, block_size=32),
    ]
    weights = [
        tensor("w0", 16, 3, 3, 3, dtype=np.int8), tensor("ws", 16), tensor("wz", 16, dtype=np.int8), tensor("b0", 16),
        tensor("s"), tensor("z", dtype=np.uint8), tensor("w1", 32, 16, 1, 1, dtype=np.uint8), tensor("b1", 32, dtype=np.int32),
        tensor("w2", 10, 1, 16, dtype=np.uint8), tensor("w2s", 10),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [4, 3, 16, 16])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [4, 10])
    graph = helper.make_graph(nodes, "quantised", [x], [y], weights)
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, producer_name="onnx.quantize", ir_version=10)
    learned = 16 * 27 + 16 + 32 * 16 + 32 + 320
    save("quantised", model, macs=16 * 16 * 16 * 27 + 8 * 8 * 32 * 16 + 320, parameters=learned, learned=learned, made_by="onnx.helper, as onnxruntime.quantization writes")


for kind, dynamo in [("legacy", False), ("dynamo", True)]:
    export(f"resnet10-{kind}", "resnet10t", dynamo)
    export(f"convnext-{kind}", "convnext_atto", dynamo, depths=(1, 1, 2, 1))
    export(f"vit-{kind}", "vit_tiny_patch16_224", dynamo, depth=2, img_size=64)
export("swin-dynamo", "swin_tiny_patch4_window7_224", True, depths=(2, 1), img_size=112)
export("mobilenetv3-legacy", "mobilenetv3_small_050", False)
as_tf2onnx_writes()
quantised()
versions = {"torch": torch.__version__, "timm": timm.__version__, "onnx": onnx.__version__}
with open("index.json", "w") as file:
    json.dump({"versions": versions, "models": index}, file, indent=1)
    file.write("\n")
