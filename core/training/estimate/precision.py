"""Which number format and how many threads a training uses on this machine. Imports torch only when a card is asked.

bf16 halves the time of the matrix products where the hardware has them, and nowhere else: measured with the built-in
model on CoLA, a processor with avx512_bf16 trains 1.5 to 1.6 times as fast under bf16 autocast as in fp32. Without such
instructions bf16 would be emulated.
"""

from pathlib import Path

from core.machine import usable_cores

_NATIVE_BF16 = {"avx512_bf16", "amx_bf16"}


def choose_precision(wanted: str) -> str:
    """The format `wanted`; for "auto" bf16 exactly where the device computes it natively, else fp32."""
    if wanted != "auto":
        return wanted
    import torch

    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return "bf16" if processor_has_bf16() else "fp32"


def processor_has_bf16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor multiplies bf16 natively, by the flags that Linux lists; False where there is no list."""
    try:
        text = cpuinfo.read_text("utf-8", "replace")
    except OSError:
        return False
    flags = next((line.partition(":")[2] for line in text.splitlines() if line.startswith("flags")), "")
    return bool(_NATIVE_BF16 & set(flags.split()))


def training_threads() -> int:
    """Physical cores this process may use: hyper-threads slow matrix products down."""
    import psutil

    return max(1, min(usable_cores(), psutil.cpu_count(logical=False) or 1))
