"""Other processes change a store in every way there is, and what watchers were told is compared with the disk."""
