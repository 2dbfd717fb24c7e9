"""PyTorch with timm's models: a training step, or inference. Takes what bench/subject.ts calls SubjectOptions."""

import warnings

import timm
import torch
import torch.nn.functional as F

from subject import serve

warnings.filterwarnings("ignore")


def prepare(options):
    torch.manual_seed(0)
    torch.set_num_threads(options["threads"])
    torch.set_float32_matmul_precision("highest")
    layout = torch.channels_last if options["layout"] == "channels_last" else torch.contiguous_format
    size = options["size"]
    # Swin's shape checks and windows depend on the size that it is made for.
    model = timm.create_model(options["model"], drop_path_rate=options.get("dropPathRate", 0.0))
    model = model.to(memory_format=layout)
    images = torch.randn(options["batch"], 3, size, size).to(memory_format=layout)
    if options["work"] == "infer":
        return inference(model.eval(), images, options)
    return training(model.train(), images, options)


def inference(model, images, options):
    run = torch.compile(model) if options["compile"] else model

    def work():
        with torch.inference_mode():
            run(images)

    return work


def training(model, images, options):
    freeze(model, options.get("freeze"))
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, weight_decay=0.05, fused=True)
    average = [p.detach().clone() for p in trained]
    targets = torch.arange(options["batch"]) % 1000
    run = torch.compile(model) if options["compile"] else model

    def work():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=options["bf16"]):
            loss = F.cross_entropy(run(images), targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0, foreach=True)
        optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(average, [p.detach() for p in trained], 1e-3)

    return work


def freeze(model, what):
    """`backbone` leaves the classifier to train, `stages` the last stage and what follows it."""
    if what is None:
        return
    classifier = {id(p) for p in model.get_classifier().parameters()}
    for name, p in model.named_parameters():
        late = name.startswith(("stages.3.", "layers.3.", "layer4.", "head.", "norm."))
        p.requires_grad = id(p) in classifier or (what == "stages" and late)


if __name__ == "__main__":
    serve(prepare, {"torch": torch.__version__, "timm": timm.__version__})
