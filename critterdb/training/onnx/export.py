"""Export a torch network as an ONNX file that takes pixels as they are."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from .graph import OPSET, finish_graph, import_onnx

if TYPE_CHECKING:
    from critterdb.training.networks import PretrainedNetwork

# Which normalization follows which convolution is guessed from the order of layers and tried on
# noise. A wrong guess is off by far more, and is dropped; a right one halves the export.
FOLDED_TOLERANCE = 1e-4  # of the largest output


def export_network(network: PretrainedNetwork, size: int) -> bytes:
    """Return ONNX bytes of a network with its scaling in front: uint8 N×size×size×3 in, N×D out."""
    import torch

    body = _folded(network.module, size)
    for module in body.modules():
        if getattr(module, "inplace", False):
            module.inplace = False  # the exporter takes twice as long to trace what works in place

    class Pixels(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = body
            self.register_buffer("mean", torch.tensor(network.mean).view(1, 3, 1, 1) * 255)
            self.register_buffer("std", torch.tensor(network.std).view(1, 3, 1, 1) * 255)

        def forward(self, pixels: Any) -> Any:
            return self.network((pixels.permute(0, 3, 1, 2).float() - self.mean) / self.std)

    example = torch.zeros((2, size, size, 3), dtype=torch.uint8)
    program = torch.onnx.export(
        Pixels().eval(),
        (example,),
        input_names=["pixels"],
        output_names=["embedding"],
        dynamic_shapes={"pixels": {0: torch.export.Dim("N")}},
        opset_version=OPSET,
        dynamo=True,
        verbose=False,
    )
    onnx = import_onnx()
    return finish_graph(onnx.load_model_from_string(program.model_proto.SerializeToString()), {})


def _folded(module: Any, size: int) -> Any:
    """A copy of the network in which convolutions have taken up the normalisation after them.

    That halves the time of the export; ONNX Runtime would fold them anyway. Which normalisation
    follows which convolution is guessed from their order, so the result is tried on noise: where
    it differs, the copy is as the original.
    """
    import torch

    folded = copy.deepcopy(module).eval().requires_grad_(False)
    _fold(folded)
    noise = torch.randn((1, 3, size, size), generator=torch.Generator().manual_seed(size))
    with torch.inference_mode():
        wanted = module(noise)
        try:
            off = (folded(noise) - wanted).abs().max()
        except (AttributeError, RuntimeError, TypeError, ValueError):
            off = torch.tensor(torch.inf)  # it asks its normalisation for more than to normalise
    if off <= FOLDED_TOLERANCE * wanted.abs().max():
        return folded
    return copy.deepcopy(module).eval()


def _fold(parent: Any) -> None:
    """Fold each normalisation that stands right after a convolution, at any depth; in place."""
    import torch
    from torch.nn.utils.fusion import fuse_conv_bn_weights

    before = None
    for name, child in list(parent.named_children()):
        if isinstance(child, torch.nn.BatchNorm2d) and isinstance(before, torch.nn.Conv2d):
            before.weight, before.bias = fuse_conv_bn_weights(
                before.weight,
                before.bias,
                child.running_mean,
                child.running_var,
                child.eps,
                child.weight,
                child.bias,
            )
            # timm's normalisation layers hold the activation that follows.
            setattr(parent, name, getattr(child, "act", None) or torch.nn.Identity())
        else:
            _fold(child)
        before = child
