"""Each pattern as agents write it by hand, on get and set; every file says what is wrong with that."""
