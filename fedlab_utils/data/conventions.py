"""The fixed order and numbering of sequences, labels and regions, used everywhere.

An image is ``(4, X, Y, Z)`` float32 in :data:`SEQUENCES` order, axes towards right, anterior and
superior (RAS). Labels are ``(X, Y, Z)`` uint8 in the canonical numbering below, whatever the file
used. A target is ``(3, X, Y, Z)`` in :data:`REGIONS` order. Spacing is in millimetres.
"""

SEQUENCES = ("T1", "T1ce", "T2", "FLAIR")
"""Order of an image's four channels: T1, T1 after gadolinium contrast, T2, FLAIR."""

REGIONS = ("ET", "TC", "WT")
"""Order of a target's three channels: enhancing tumour, tumour core, whole tumour (nested)."""

BACKGROUND, NECROSIS, OEDEMA, ENHANCING, CAVITY = range(5)

LABEL_NAMES = {
    BACKGROUND: "background",
    NECROSIS: "necrotic or non-enhancing core",
    OEDEMA: "peritumoural oedema",
    ENHANCING: "enhancing tumour",
    CAVITY: "resection cavity",
}
