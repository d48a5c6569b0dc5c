"""Questions in SQL over a dataset: what may be asked, the tables, and the one thread that answers."""
