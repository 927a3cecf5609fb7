"""Tools beside the product: how its engine is obtained on a machine."""
