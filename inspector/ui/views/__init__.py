"""The stage: pictures and what stands in for them."""
