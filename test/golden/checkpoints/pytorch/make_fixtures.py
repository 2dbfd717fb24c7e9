"""Writes the PyTorch fixtures of this folder: python make_fixtures.py (torch 2.15, numpy 2.4, Python 3.11).

Values follow from positions, so that the tests can say what they expect: element i of every tensor is i % 7 - 3 for signed
types, i % 7 for unsigned ones, i % 2 for booleans.
"""

import argparse
import collections
import datetime
import pathlib

import numpy as np
import torch
from torch import nn

DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "int8": torch.int8,
    "int16": torch.int16,
    "int32": torch.int32,
    "int64": torch.int64,
    "uint8": torch.uint8,
    "bool": torch.bool,
}
UNSIGNED = {"uint16": torch.uint16, "uint32": torch.uint32, "uint64": torch.uint64}


def values(count, dtype):
    steps = torch.arange(count)
    if dtype == torch.bool:
        return (steps % 2).to(torch.bool)
    signed = dtype.is_signed if hasattr(dtype, "is_signed") else True
    return (steps % 7 - (3 if signed else 0)).to(dtype)


def all_dtypes(names):
    return {name: values(12, dtype).reshape(3, 4) for name, dtype in names.items()}


def views():
    base = torch.arange(60, dtype=torch.float32)
    image = torch.arange(2 * 3 * 4 * 5, dtype=torch.float32).reshape(2, 3, 4, 5)
    return collections.OrderedDict(
        base=base,
        slice=base[10:22].reshape(3, 4),
        transposed=base[:12].reshape(3, 4).t(),
        columns=base.reshape(6, 10)[1:4, 2:9:3],
        channels_last=image.contiguous(memory_format=torch.channels_last),
        expanded=torch.tensor([2.5]).expand(3, 4),
        scalar=base[59],
        empty=torch.zeros(0, 4),
        tied=base,
        parameter=nn.Parameter(base[3:5]),
    )


def leftovers():
    """A training checkpoint with all that programs keep beside weights."""
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    for tensor in model.state_dict().values():
        tensor.copy_(values(tensor.numel(), tensor.dtype).reshape(tensor.shape))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    model(torch.ones(2, 2)).sum().backward()
    optimizer.step()
    for tensor in model.state_dict().values():
        tensor.copy_(values(tensor.numel(), tensor.dtype).reshape(tensor.shape))
    history = collections.defaultdict(list)
    history["loss"].append(np.float64(0.5))
    return {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": torch.optim.lr_scheduler.StepLR(optimizer, 3).state_dict(),
        "args": argparse.Namespace(lr=0.1, out=pathlib.PurePosixPath("runs/1"), sizes=(1, 2), nothing=None),
        "epoch": 3,
        "best": np.float32(0.75),
        "history": history,
        "array": np.arange(6).reshape(2, 3),
        "when": datetime.datetime(2024, 5, 17, 12, tzinfo=datetime.timezone.utc),
        "counter": collections.Counter("abca"),
        "seen": {1, 2},
        "frozen": frozenset([3]),
        "size": torch.Size([1, 2]),
        "device": torch.device("cpu"),
        "dtype": torch.float16,
        "slice": slice(1, 2),
        "complex": 1j,
        "big": 2**70,
        "negative": -(2**40),
        "bytes": b"\x00\xff",
        "activation": nn.functional.gelu,
        "rng": torch.get_rng_state()[:8].clone(),
        "numpy_rng": np.random.RandomState(0).get_state(),
    }


def save(name, value, **options):
    torch.save(value, pathlib.Path(__file__).parent / name, **options)


save("dtypes.pth", all_dtypes(DTYPES))
save("dtypes-legacy.pth", all_dtypes(DTYPES), _use_new_zipfile_serialization=False)
save("dtypes-unsigned.pth", all_dtypes(UNSIGNED))
save("views.pth", views())
save("views-legacy.pth", views(), _use_new_zipfile_serialization=False)
for protocol in (1, 3, 4, 5):
    save(f"leftovers-protocol-{protocol}.pth", leftovers(), pickle_protocol=protocol)
save("leftovers.pth", leftovers())
save("leftovers-legacy.pth", leftovers(), _use_new_zipfile_serialization=False)
save("refused-float8.pth", {"scale": torch.ones(2), "weight": torch.zeros(2, 2).to(torch.float8_e4m3fn)})
save("refused-complex.pth", {"weight": torch.zeros(2, dtype=torch.complex64)})
save("refused-sparse.pth", {"weight": torch.eye(2).to_sparse()})
save("refused-quantized.pth", {"weight": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)})
save("refused-module.pth", nn.Linear(2, 2))
save("refused-list.pth", [torch.ones(2)])
torch.jit.script(nn.Linear(2, 2)).save(str(pathlib.Path(__file__).parent / "refused-torchscript.pt"))
