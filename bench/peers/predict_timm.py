"""What is on an image? The script that people would write for `convnext predict MODEL IMAGE --weights WEIGHTS`.

python predict_timm.py MODEL WEIGHTS.safetensors IMAGE
"""

import sys

import timm
import torch
from PIL import Image
from safetensors.torch import load_file
from timm.data import create_transform, resolve_data_config

name, weights, path = sys.argv[1:]
model = timm.create_model(name).eval()
model.load_state_dict(load_file(weights))
transform = create_transform(**resolve_data_config({}, model=model))
image = transform(Image.open(path).convert("RGB")).unsqueeze(0)
with torch.inference_mode():
    probabilities = model(image).softmax(dim=1)[0]
top = probabilities.topk(5)
for probability, label in zip(top.values.tolist(), top.indices.tolist()):
    print(f"{label} {probability:.6f}")
