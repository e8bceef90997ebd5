"""A GPU that is not there: its device, its rules of mixed precision and its attention.

Fake tensors of the device ``cuda`` can't go backward where CUDA finds no GPU (torch 2.15), so that
the device ``meta`` stands for it. What depends on CUDA beyond the device is put in place here:
which operations autocast computes in which precision, and attention that never holds its matrix.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.autograd.graph import _engine_run_backward
from torch.nn import functional as F  # noqa: N812
from torch.overrides import TorchFunctionMode

DEVICE = torch.device("meta")
"""What stands for a GPU."""

# aten/src/ATen/autocast_mode.h (torch 2.15): AT_FORALL_LOWER_PRECISION_FP and AT_FORALL_FP32, as
# far as they have a function of Python that models are written with.
_LOWER = frozenset(
    {
        *(torch.conv1d, torch.conv2d, torch.conv3d, torch.convolution, torch.prelu),
        *(torch.conv_transpose1d, torch.conv_transpose2d, torch.conv_transpose3d),
        *(F.linear, torch.matmul, torch.mm, torch.mv, torch.bmm, torch.einsum),
        *(torch.addmm, torch.addmv, torch.addr, torch.addbmm, torch.baddbmm, torch.chain_matmul),
        *(Tensor.matmul, Tensor.mm, Tensor.mv, Tensor.bmm, Tensor.__matmul__),
    }
)
_SINGLE = frozenset(
    {
        *(F.layer_norm, torch.layer_norm, F.group_norm, F.softplus, F.cosine_similarity),
        *(F.softmax, torch.softmax, Tensor.softmax, F.log_softmax, torch.log_softmax),
        *(F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss),
        *(torch.exp, Tensor.exp, torch.expm1, torch.log, Tensor.log, torch.log1p, torch.log10),
        *(torch.pow, Tensor.pow, Tensor.__pow__, torch.reciprocal, torch.rsqrt, torch.logsumexp),
        *(torch.sum, Tensor.sum, torch.prod, torch.cumsum, Tensor.cumsum, torch.norm, Tensor.norm),
    }
)


@contextmanager
def emulated_cuda() -> Iterator[None]:
    """Within the block, fake tensors on `DEVICE` do what those of a GPU would."""
    # By its full name: torch.optim hides its modules.
    adam: Any = sys.modules["torch.optim.adam"]
    rules = _CudaRules()
    with (
        # Fused optimisers ask whether the device has them; CUDA does.
        patch.object(adam, "_device_dtype_check_for_fused", lambda *_, **__: None),
        # The outermost block of autocast calls it by this name when it ends.
        patch.object(torch, "clear_autocast_cache", rules.forget),
        rules,
    ):
        yield


class _CudaRules(TorchFunctionMode):
    """Within the block, tensors of the emulated device are computed as CUDA would.

    Aurora asks for autocast of the CPU where there is no GPU, which does not touch other devices:
    whether that is on decides here.
    """

    def __init__(self) -> None:
        super().__init__()
        self._casts: dict[int, tuple[Tensor, Tensor]] = {}

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        keywords = dict(kwargs or {})
        if func is torch.autograd.backward:
            return self._backward(args[0] if isinstance(args[0], Tensor) else args[0][0])
        autocast = torch.is_autocast_enabled("cpu")
        if func is F.scaled_dot_product_attention:
            return _attention(*args, **keywords, cast=self._lower if autocast else _same)
        if autocast and func in _LOWER:
            args, keywords = _mapped(self._lower, args, keywords)
        elif autocast and func in _SINGLE:
            args, keywords = _mapped(_single, args, keywords)
        return func(*args, **keywords)

    def _backward(self, loss: Tensor) -> None:
        """What `torch.autograd.backward` does, with these rules on: activations may be computed
        again, and a mode is off while it has the word."""
        with self:
            _engine_run_backward(
                (loss,),
                (torch.ones_like(loss),),
                False,
                False,
                (),
                allow_unreachable=True,
                accumulate_grad=True,
            )

    def _lower(self, tensor: Tensor) -> Tensor:
        """In half precision; that of a trained weight is kept until autocast ends, as by torch."""
        dtype = torch.get_autocast_dtype("cpu")
        if not _is_cast(tensor) or tensor.dtype is dtype:
            return tensor
        if not (tensor.is_leaf and tensor.requires_grad and tensor.dtype is torch.float32):
            return tensor.to(dtype)
        if id(tensor) not in self._casts:
            self._casts[id(tensor)] = tensor, tensor.to(dtype)
        return self._casts[id(tensor)][1]

    def forget(self) -> None:
        """Drop the weights in half precision."""
        self._casts.clear()


def _attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    *,
    cast: Callable[[Tensor], Tensor],
    **_: Any,
) -> Tensor:
    """As the memory-efficient backend, which CUDA takes for masks and single precision.

    Without a mask and in half precision it is flash attention's turn, which keeps the same.
    """
    q, k, v = cast(q), cast(k), cast(v)
    if attn_mask is not None:
        attn_mask = cast(attn_mask).expand(*q.shape[:-1], k.shape[-2])
    keeps = torch.is_grad_enabled() and any(x.requires_grad for x in (q, k, v))
    result: Tensor = torch.ops.aten._scaled_dot_product_efficient_attention(
        q, k, v, attn_mask, keeps, dropout_p, is_causal, scale=scale
    )[0]
    return result


def _single(tensor: Tensor) -> Tensor:
    return tensor.float() if _is_cast(tensor) else tensor


def _same(tensor: Tensor) -> Tensor:
    return tensor


def _is_cast(tensor: Tensor) -> bool:
    """Whether autocast touches a tensor: doubles and whole numbers stay."""
    floating = tensor.dtype in (torch.float32, torch.bfloat16, torch.float16)
    return floating and tensor.device == DEVICE


def _mapped(
    change: Callable[[Tensor], Tensor], args: tuple[Any, ...], keywords: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    def apply(value: Any) -> Any:
        if isinstance(value, Tensor):
            return change(value)
        return type(value)(map(apply, value)) if isinstance(value, list | tuple) else value

    return tuple(map(apply, args)), {name: apply(value) for name, value in keywords.items()}
