"""Inspector: open a multimodal dataset where it lies and see what does not line up."""

__version__ = "0.1.0"
