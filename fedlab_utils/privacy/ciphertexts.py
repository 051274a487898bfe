"""Between TenSEAL's objects and bytes, of which some come from strangers."""

from __future__ import annotations

import struct
from types import ModuleType

from fedlab_utils.errors import PrivacyError
from fedlab_utils.privacy.encryption_settings import CkksSettings


def tenseal() -> ModuleType:
    """Return the module TenSEAL.

    Raises
    ------
    PrivacyError
        If it is not installed.
    """
    try:
        import tenseal as module
    except ImportError as error:
        raise PrivacyError(
            "homomorphic encryption",
            f"TenSEAL cannot be imported ({error})",
            'Install it: pip install "tenseal>=0.3.18,<0.4" (no wheels for Intel Macs)',
        ) from None
    return module


def written(context: object, with_secret: bool) -> bytes:
    """Return a context without the keys for multiplying and rotating, which a sum never needs."""
    return context.serialize(
        save_public_key=False,
        save_secret_key=with_secret,
        save_galois_keys=False,
        save_relin_keys=False,
    )


def context_of(content: bytes) -> object:
    """Return TenSEAL's context of bytes that :func:`written` made.

    Raises
    ------
    PrivacyError
        If they are none.
    """
    ts = tenseal()
    try:
        return ts.context_from(bytes(content), n_threads=1)
    except (ValueError, RuntimeError, TypeError) as error:
        raise PrivacyError(
            "encryption", f"no context can be read ({error})", "Pass what secret() or public() gave"
        ) from None


def vectors_of(context: object, settings: CkksSettings, parts: list[bytes], count: int) -> list:
    """Return ciphertexts as TenSEAL's vectors, checked before its own code works on them.

    Parameters
    ----------
    context, settings
        That they belong to.
    parts, count
        Bytes, from a stranger, and the numbers that they should hold.

    Raises
    ------
    PrivacyError
        If they are no such ciphertexts.
    """
    ts, sizes = tenseal(), settings.sizes(count)
    if len(parts) != len(sizes):
        raise no_ciphertexts(f"{len(parts)} parts, and {len(sizes)} were due")
    due = (2, len(settings.prime_bits) - 1, settings.degree, 2.0**settings.scale_bits, True)
    found = []
    for part, size in zip(parts, sizes, strict=True):
        _check_frame(part, settings, size)
        try:
            vector = ts.ckks_vector_from(context, part)
            inner = vector.ciphertext()
        except Exception as error:  # whatever its own code stumbles over in a stranger's bytes
            raise no_ciphertexts(str(error)[:80]) from None
        if len(inner) != 1 or vector.size() != size or _about(inner[0]) != due:
            raise no_ciphertexts("one is of other settings")
        found.append(vector)
    return found


def _about(one: object) -> tuple[object, ...]:
    """Return of a ciphertext: its polynomials, primes and degree, its scale and its form."""
    return (
        one.size(),
        one.coeff_modulus_size(),
        one.poly_modulus_degree(),
        one.scale,
        one.is_ntt_form(),
    )


def _check_frame(part: bytes, settings: CkksSettings, size: int) -> None:
    """Refuse bytes that are not framed as TenSEAL frames one ciphertext.

    TenSEAL (0.3.18) takes a message without a ciphertext in it, and then ends the whole process at
    the first addition. The frame, in Protocol Buffers' format, is: field 1, a list that holds the
    size; field 2, SEAL's bytes; field 3, the scale.
    """
    if not isinstance(part, bytes) or len(part) > settings.part_bytes:
        raise no_ciphertexts(f"a part is not of bytes, or longer than {settings.part_bytes}")
    number = _varint(size)
    head = b"\x0a" + _varint(len(number)) + number + b"\x12"
    tail = b"\x19" + struct.pack("<d", 2.0**settings.scale_bits)
    room = len(part) - len(head) - len(tail)
    # SEAL's bytes come after their length, which itself takes one to four bytes.
    widths = {width: _varint(room - width) for width in (1, 2, 3, 4) if room > width}
    framed = any(
        len(length) == width and part.startswith(head + length) for width, length in widths.items()
    )
    if not framed or not part.endswith(tail):
        raise no_ciphertexts("a part is not framed as one")


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def no_ciphertexts(why: str) -> PrivacyError:
    """Return the error for bytes that are no ciphertexts, to be raised."""
    return PrivacyError("encryption", f"no ciphertexts as are due: {why}", "Leave the hospital out")
