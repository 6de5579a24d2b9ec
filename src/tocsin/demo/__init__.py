"""The demonstration: a stand-in product that really breaks, a mail sink, and the programs started around them."""
