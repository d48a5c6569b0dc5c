"""How far two people who labelled the same moments agree: on the parts, and on the relation between them."""
