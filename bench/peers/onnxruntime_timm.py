"""ONNX Runtime on the ONNX model that PyTorch exports of timm's: inference. Takes what bench/subject.ts calls SubjectOptions."""

import contextlib
import io
import logging
import os
import tempfile
import warnings

import numpy
import onnxruntime
import timm
import torch

from subject import serve

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)


def prepare(options):
    shape = (options["batch"], 3, options["size"], options["size"])
    model = timm.create_model(options["model"], exportable=True).eval()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.onnx")
        # The exporter prints how far it is, where the parent expects JSON.
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            torch.onnx.export(model, (torch.randn(shape),), path, dynamo=True)
        del model
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = options["threads"]
        settings.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
    images = numpy.random.default_rng(0).standard_normal(shape, dtype=numpy.float32)
    name = session.get_inputs()[0].name
    return lambda: session.run(None, {name: images})


if __name__ == "__main__":
    versions = {"onnxruntime": onnxruntime.__version__, "torch": torch.__version__, "timm": timm.__version__}
    serve(prepare, versions)
