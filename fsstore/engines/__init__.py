"""Where records live: engines behind one seam, strangers to each other."""
