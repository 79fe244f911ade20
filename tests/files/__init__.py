"""The file engine against hostile users, people with editors and an unlucky operating system."""
