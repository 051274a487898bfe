"""A cohort dealt to virtual hospitals: how and how unevenly on controls, what comes of it below."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import ipywidgets as widgets
import numpy as np

from fedlab_utils.data.conventions import SEQUENCES
from fedlab_utils.data.equipment import phantom_seed
from fedlab_utils.data.heterogeneity import intensity_profile
from fedlab_utils.data.hospital_report import describe, hospital_volumes
from fedlab_utils.data.hospitals import KINDS, Hospital, Partition, make_hospitals
from fedlab_utils.data.institutions import FEWEST, institutions
from fedlab_utils.data.preview import Preview
from fedlab_utils.errors import DataError
from fedlab_utils.ui.colours import hospital_styles
from fedlab_utils.ui.hospital_plots import (
    draw_bars,
    draw_volumes,
    figures_table,
    live_figure,
    update_figure,
)
from fedlab_utils.ui.hospital_samples import Sample, sample_panel
from fedlab_utils.ui.hospital_words import NAMES, dealt, looks_apart, sorted_by, volumes_apart
from fedlab_utils.ui.twin import Picture, TwinBox, figure, png_bytes
from fedlab_utils.ui.width import follow_width

if TYPE_CHECKING:
    import pandas as pd

    from fedlab_utils.data.cohort import Cohort
    from fedlab_utils.data.preprocessing import PreprocessSettings

MOST = 20
"""Hospitals that the explorer shows; :func:`make_hospitals` makes up to 100."""


class HospitalExplorer(TwinBox):
    """Deal a cohort to hospitals and see who gets whom.

    Parameters
    ----------
    cohort
        Patients with segmentations.
    table
        From ``cohort.with_volumes()``, where it is at hand.
    settings
        How sample slices are preprocessed. They come from the cache: build it first, or the first
        look at each takes a second.
    profiles
        Case id -> ``(4, 33)`` of :func:`fedlab_utils.data.heterogeneity.intensity_profile`, to
        compare how scans look; without it that figure is left out.

    Attributes
    ----------
    partition : Partition
        As the controls say.
    report : pandas.DataFrame
        Of :func:`fedlab_utils.data.describe`.
    samples : dict
        Hospital's name -> :class:`Sample`. In a partition by scanner it is the same patient
        everywhere, whom the first look at this kind takes a few seconds to prepare.

    Raises
    ------
    DataError
        If there are too few patients for two hospitals, or a ``phantom.json`` beside them is not
        theirs.
    """

    def __init__(
        self,
        cohort: Cohort,
        table: pd.DataFrame | None = None,
        settings: PreprocessSettings | None = None,
        profiles: dict[str, np.ndarray] | None = None,
    ) -> None:
        self._cohort, self._settings, self._profiles = cohort, settings, profiles
        self._table = cohort.with_volumes() if table is None else table
        self._slices: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._drawn: dict[tuple, Sample] = {}
        self._preview: Preview | None = None
        make_hospitals(cohort, 2, table=self._table)  # too few patients: say so now
        self._seed = phantom_seed(cohort)  # so is a file that tells lies of it
        wide = {"style": {"description_width": "80px"}}
        kinds = [(NAMES[kind], kind) for kind in KINDS if self._possible(kind)]
        most = min(MOST, len(cohort.patients) // FEWEST)
        self.kind = widgets.Dropdown(options=kinds, description="Dealt", **wide)
        self.skew = widgets.FloatSlider(0, min=0, max=1, step=0.05, description="Skew", **wide)
        self.count = widgets.IntSlider(
            min(4, most), min=2, max=most, description="Hospitals", **wide
        )
        self.seed = widgets.IntSlider(0, min=0, max=20, description="Seed", **wide)
        self.sequence = widgets.Dropdown(
            options=SEQUENCES, value="FLAIR", description="Sequence", **wide
        )
        self.plot = live_figure()
        self._picture = widgets.Image(format="png", layout={"max_width": "100%"})
        self._text, self._rows = widgets.HTML(), widgets.HTML()
        for control in (self.kind, self.skew, self.count, self.seed, self.sequence):
            control.observe(self.redraw, "value")
        self.redraw()
        rows = ([self.kind, self.skew, self.count], [self.seed, self.sequence])
        boxes = [widgets.HBox(row, layout={"flex_flow": "row wrap"}) for row in rows]
        below = [self._text, self.plot, self._rows, self._picture, follow_width(self.plot)]
        super().__init__([*boxes, *below])

    def _possible(self, kind: str) -> bool:
        """Whether this cohort can be dealt so at all."""
        try:
            self._deal(kind, 1.0, 2, 0)
        except DataError:
            return False
        return True

    def _deal(self, kind: str, skew: float, count: int, seed: int) -> Partition:
        merge = kind == "institution"
        if merge:
            count = min(count, len(institutions(self._cohort, None, merge_small=True)))
        return make_hospitals(
            self._cohort, count, kind, skew, seed, table=self._table, merge_small=merge
        )

    def redraw(self, _change: object = None) -> None:
        """Deal and draw again from the controls."""
        kind, skew = self.kind.value, self.skew.value
        self.skew.disabled = kind in ("iid", "institution")
        self.partition = self._deal(kind, skew, self.count.value, self.seed.value)
        self.samples = {h.name: self._sample(h) for h in self.partition.hospitals}
        self.report = describe(self.partition, self._cohort, self._table, self._looks())
        self._styles = hospital_styles(self.report.index)
        self._volumes = hospital_volumes(self.partition, self._table)
        update_figure(self.plot, self.report, self._volumes, self._styles)
        panel = sample_panel(self.samples, self._styles)
        self._picture.value = png_bytes(panel, compact=False)
        self._picture.alt = f"One {self.sequence.value} slice of each hospital."
        self._text.value = f"<div role='status'>{html.escape(self.describe())}</div>"
        self._rows.value = figures_table(self.report)

    def _sample(self, hospital: Hospital) -> Sample:
        """Return the slice to show: the same object again, so that it is drawn once."""
        sequence, lacks = self.sequence.value, hospital.missing == self.sequence.value
        key = (hospital.scanner or hospital.split.train[0], sequence, lacks)
        if key not in self._drawn:
            if hospital.scanner is not None:
                preview = self._example()
                case_id, labels = self._example_id, preview.labels
                image = preview.slice(hospital.scanner)
            else:
                case_id = hospital.split.train[0]
                image, labels = self._fullest(case_id)
            shown = None if lacks else image[SEQUENCES.index(sequence)]
            self._drawn[key] = Sample(case_id, shown, labels)
        return self._drawn[key]

    def _fullest(self, case_id: str) -> tuple[np.ndarray, np.ndarray]:
        """Return image and labels of the slice with the most tumour."""
        from fedlab_utils.data.cache import load_preprocessed

        if case_id in self._slices:
            return self._slices[case_id]
        patient = load_preprocessed(self._cohort.files(case_id), self._settings)
        at = int((patient.labels > 0).sum((0, 1)).argmax())
        image = np.array(patient.image[..., at], np.float32)
        self._slices[case_id] = image, np.array(patient.labels[..., at])
        return self._slices[case_id]

    def _example(self) -> Preview:
        """Return the patient who is shown on every scanner: one of middling volume."""
        if self._preview is None:
            volumes = self._table["volume_wt_ml"].dropna().sort_values(kind="stable")
            self._example_id = volumes.index[len(volumes) // 2]
            files = self._cohort.files(self._example_id)
            self._preview = Preview(files, self._seed)
        return self._preview

    def _looks(self) -> dict[str, np.ndarray] | None:
        """Return each hospital's intensity profiles, or those of the patient whom all scanned."""
        hospitals = self.partition.hospitals
        if self.kind.value == "scanner":
            found = {}
            for hospital in hospitals:
                image = self._example().slice(hospital.scanner)[..., None]
                found[hospital.name] = intensity_profile(image, image[0] != 0)[None]
            return found
        if self._profiles is None:
            return None
        looks = {}
        for hospital in hospitals:
            split = hospital.split
            cases = (*split.train, *split.validation, *split.test)
            looks[hospital.name] = np.stack([self._profiles[case] for case in cases])
            if hospital.missing:
                looks[hospital.name][:, SEQUENCES.index(hospital.missing)] = np.nan
        return looks

    def describe(self) -> str:
        """Say in words what comes of the controls; also the alt text."""
        report, kind = self.report, self.kind.value
        said = [
            dealt(report, kind, None if self.skew.disabled else self.skew.value),
            sorted_by(self.partition, self._table, kind),
            looks_apart(report) if kind == "scanner" else "",
            volumes_apart(report),
        ]
        text = " ".join(filter(None, said))
        if kind == "scanner":
            text += f" The slices show one patient, {self._example_id}, on every scanner."
        if kind == "missing_sequence":
            lacking = [f"{name} {row.missing}" for name, row in report.iterrows() if row.missing]
            text += f" Not taken: {', '.join(lacking) or 'nothing'}."
        return text

    def twin(self) -> Picture:
        """Bars, volumes and slices as a still picture."""
        from matplotlib import pyplot as plt

        fig, (bars, dots, slices) = plt.subplots(
            3, 1, figsize=(9, 9), height_ratios=(1, 1.1, 1), layout="constrained"
        )
        dots.sharex(bars)
        draw_bars(bars, self.report, self._styles)
        draw_volumes(dots, self.report, self._volumes)
        slices.imshow(np.asarray(sample_panel(self.samples, self._styles)))
        slices.set_title(f"one {self.sequence.value} slice of each hospital", fontsize=10)
        slices.set_axis_off()
        return figure(fig, self.describe())
