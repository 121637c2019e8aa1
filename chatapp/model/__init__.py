"""What things are: records without I/O, and the rules of their form."""
