"""A made-up product with a month behind it, to look around in: `product` makes it up, `fill` puts it into a store."""
