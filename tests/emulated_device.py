"""An array library in the place of CuPy that computes with NumPy, so that Thinc's own
CupyOps run where there is no GPU.

It has what the package and Thinc use of CuPy, and is as strict: arrays of the device and
of main memory do not mix, none is converted unasked, and kernels take contiguous arrays
of their type. As a plugin of pytest (`-p tests.emulated_device`) it is there before
anything imports Thinc.
"""

import sys
from collections import Counter
from functools import partial
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any, Callable, Sequence, Tuple

import numpy
from numpy.lib.mixins import NDArrayOperatorsMixin

# What CuPy has as NumPy has it.
FUNCTIONS = (
    "all arange ascontiguousarray clip concatenate dot empty exp expand_dims full hstack "
    "isin log logaddexp max maximum minimum ones stack sum tanh vstack where zeros "
    "zeros_like"
).split()
ATTRIBUTES = (
    "T all any argmax astype copy dtype fill flags item max mean min ndim nonzero reshape "
    "shape size sum tolist transpose var"
).split()
# Those of them that wait for the device.
WAITING = ("item", "nonzero", "tolist")
# Those whose waiting is their caller's.
LIBRARIES = (__name__, "numpy", "thinc")

# How often each module waited for the device, or copied from it, by cause.
waits: Counter = Counter()


class ndarray(NDArrayOperatorsMixin):
    """An array of the device."""

    def __init__(self, held: numpy.ndarray) -> None:
        """
        held (numpy.ndarray): What it holds, not copied.
        RAISES (ValueError): Where that is neither numbers nor booleans.
        """
        if held.dtype.kind not in "biuf":
            raise ValueError(f"Unsupported dtype {held.dtype}")
        self.held = held

    def __getattr__(self, name: str) -> Any:
        if name not in ATTRIBUTES:
            raise AttributeError(f"no {name} on the device")
        if name in WAITING:
            _note_wait(name)
        value = getattr(self.held, name)
        return partial(compute, value) if callable(value) else _wrap(value)

    def __array_ufunc__(self, ufunc: Callable, method: str, *args: Any, **kwargs: Any):
        return compute(ufunc, *args, **kwargs) if method == "__call__" else NotImplemented

    def __array__(self, *args: Any, **kwargs: Any) -> numpy.ndarray:
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    def __len__(self) -> int:
        return len(self.held)

    def __getitem__(self, key: Any) -> "ndarray":
        places = _get_places(key)
        if any(getattr(place, "dtype", None) == bool for place in places):
            _note_wait("mask")
        return _wrap(self.held[places])

    def __setitem__(self, key: Any, value: Any) -> None:
        self.held[_get_places(key)] = _unwrap(value)

    def __bool__(self) -> bool:
        return bool(self.get())

    def __int__(self) -> int:
        return int(self.get())

    def __index__(self) -> int:
        return self.get().__index__()

    def __float__(self) -> float:
        return float(self.get())

    def get(self) -> numpy.ndarray:
        """RETURNS (numpy.ndarray): A copy in main memory."""
        _note_wait("get")
        return self.held.copy()

    def __dlpack__(self, **options: Any) -> Any:
        return self.held.__dlpack__()

    def __dlpack_device__(self) -> Tuple[int, int]:
        return self.held.__dlpack_device__()


def compute(function: Callable, *args: Any, **kwargs: Any) -> Any:
    """Apply a function of NumPy on the device.

    function (Callable): The function.
    *args, **kwargs (Any): Its arguments, with arrays of the device.
    RETURNS (Any): What it returns, on the device.
    RAISES (TypeError): On an array of main memory.
    """
    kwargs = {name: _unwrap(value) for name, value in kwargs.items()}
    return _wrap(function(*_unwrap(args), **kwargs))


def _unwrap(value: Any) -> Any:
    if isinstance(value, numpy.ndarray):
        raise TypeError("an array of main memory on the device")
    if isinstance(value, (list, tuple)):
        return type(value)(map(_unwrap, value))
    return value.held if isinstance(value, ndarray) else value


def _wrap(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)(map(_wrap, value))
    is_array = isinstance(value, (numpy.ndarray, numpy.generic))
    return ndarray(numpy.asarray(value)) if is_array else value


def _get_places(key: Any) -> Tuple:
    """Here CuPy copies what is in main memory."""
    places = key if isinstance(key, tuple) else (key,)
    return tuple(p if isinstance(p, numpy.ndarray) else _unwrap(p) for p in places)


def _note_wait(cause: str) -> None:
    frame = sys._getframe(1)
    while frame.f_globals["__name__"].startswith(LIBRARIES):
        frame = frame.f_back
    waits[frame.f_globals["__name__"], cause] += 1


def array(data: Any, dtype: Any = None, copy: bool = True) -> ndarray:
    """The way to the device."""
    if not isinstance(data, numpy.ndarray):
        data = _unwrap(data)
    return ndarray(numpy.array(data, dtype=dtype))


def asarray(data: Any, dtype: Any = None) -> ndarray:
    """The same, but what is there is not copied."""
    is_there = isinstance(data, ndarray) and dtype in (None, data.dtype)
    return data if is_there else array(data, dtype)


def from_dlpack(tensor: Any) -> ndarray:
    """A tensor of torch, not copied."""
    from torch.utils.dlpack import from_dlpack

    return ndarray(from_dlpack(tensor).numpy())


def get_array_module(*arrays: Any) -> ModuleType:
    """The library of some arrays."""
    is_there = any(isinstance(values, ndarray) for values in arrays)
    return sys.modules["cupy"] if is_there else numpy


def split(values: ndarray, places: Sequence[int]) -> Sequence[ndarray]:
    """The places are in main memory."""
    return compute(numpy.split, values, list(places))


def scatter_add(table: ndarray, places: Any, values: ndarray) -> None:
    """Add to rows that may come twice. CuPy casts what it adds, which hides a float64."""
    if table.dtype != values.dtype:
        raise TypeError(f"{values.dtype} is added to {table.dtype}")
    numpy.add.at(_unwrap(table), _get_places(places), _unwrap(values))


def run_kernel(name: str, grid: Any, block: Any, args: Sequence) -> None:
    """What a kernel of Thinc computes, by Thinc's method for the CPU.

    name (str): The kernel, with its type.
    grid, block (Any): Not used.
    args (Sequence): Its outputs, inputs and sizes.
    RAISES (TypeError): Where an array is not as the kernel reads it.
    """
    from thinc.api import NumpyOps

    name, _, kind = name.partition("<")
    is_array = [isinstance(arg, (ndarray, numpy.ndarray)) for arg in args]
    arrays = [_unwrap(arg) for arg, holds in zip(args, is_array) if holds]
    sizes = [arg for arg, holds in zip(args, is_array) if not holds]
    for held in arrays:
        is_known = held.dtype in ("float32", "int32", "uint32", "uint64")
        if kind == "double>" or not is_known or not held.flags["C_CONTIGUOUS"]:
            raise TypeError(f"{name} reads no {held.dtype} with strides {held.strides}")
    if name.endswith("seq2col"):
        options = {"nW": sizes[0], "lengths": arrays.pop()}
    elif name in ("backprop_maxout", "hash"):
        options = {"P" if name == "backprop_maxout" else "seed": sizes[-1]}
    else:
        options = {}
    n_outputs = 2 if name in ("maxout", "reduce_max") else 1
    results = getattr(NumpyOps(), name)(*arrays[n_outputs:], **options)
    for output, result in zip(arrays, results if n_outputs > 1 else [results]):
        output[...] = result


def step(gradient, learn_rate, one_minus_beta1, one_minus_beta2, eps, weights, m, v):
    """The kernel of Thinc's Adam."""
    if len({values.dtype for values in (gradient, weights, m, v)}) > 1:
        raise TypeError("arrays of several types")
    m += one_minus_beta1 * (gradient - m)
    v += one_minus_beta2 * (gradient * gradient - v)
    weights -= learn_rate * m / (v**0.5 + eps)


def is_within(values: ndarray, lower: int, upper: int) -> ndarray:
    """The kernel that checks Thinc's indices."""
    return ((values >= lower) & (values < upper)).all()


def pytest_load_initial_conftests() -> None:
    """Take the place of CuPy, with torch on the same device."""
    device = SimpleNamespace(Device=lambda number: SimpleNamespace(use=int))
    runtime = SimpleNamespace(getDeviceCount=lambda: 1, CUDARuntimeError=RuntimeError)
    _add_module("cupyx", scatter_add=scatter_add)
    _add_module(
        "cupy",
        __version__="13.0.0",
        ndarray=ndarray,
        array=array,
        asarray=asarray,
        from_dlpack=from_dlpack,
        get_array_module=get_array_module,
        split=split,
        inf=numpy.inf,
        cuda=_add_module("cupy.cuda", runtime=runtime, device=device),
        cublas=_add_module("cupy.cublas", nrm2=partial(compute, numpy.linalg.norm)),
        random=_add_module("cupy.random", seed=numpy.random.seed),
        get_default_memory_pool=lambda: SimpleNamespace(free_all_blocks=int),
        RawModule=lambda **source: SimpleNamespace(get_function=_get_kernel),
        RawKernel=lambda source, name: _get_kernel("hash"),
        ElementwiseKernel=lambda *source: step,
        ReductionKernel=lambda *source: is_within,
        **{name: partial(compute, getattr(numpy, name)) for name in FUNCTIONS},
    )
    _join_torch()


def _add_module(name: str, **content: Any) -> ModuleType:
    module = sys.modules[name] = ModuleType(name)
    module.__spec__ = ModuleSpec(name, None)
    vars(module).update(content)
    return module


def _get_kernel(name: str) -> Callable:
    return partial(run_kernel, name)


def _join_torch() -> None:
    """While Thinc computes on the device, all tensors are there."""
    import thinc.util
    import torch
    from thinc.api import CupyOps, get_current_ops

    make_tensor = torch.as_tensor

    def is_there(tensor: Any = None) -> bool:
        return isinstance(get_current_ops(), CupyOps)

    def as_tensor(data: Any, **options: Any) -> torch.Tensor:
        if isinstance(data, numpy.ndarray) and is_there():
            raise TypeError("a tensor of main memory")
        return make_tensor(data, **options)

    torch.as_tensor = as_tensor
    torch.Tensor.is_cuda = property(is_there)
    # Other modules have the function by its name already.
    thinc.util.get_torch_default_device.__code__ = _get_torch_device.__code__


def _get_torch_device() -> Any:
    import torch

    return torch.device("cpu")
