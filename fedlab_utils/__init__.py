"""FedLab: a workbook on federated, privacy-preserving brain-tumour segmentation.

``data`` says what a patient is, ``segmentation`` how to find a tumour in one, ``ui`` shows it, and
``course`` holds the lessons together. Start with notebook ``notebooks/00_start_here.ipynb``.
"""

__version__ = "0.1.0"
