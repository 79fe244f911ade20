"""Finding keys by what their values hold: by a scan, or with an index that is never believed without a look."""
