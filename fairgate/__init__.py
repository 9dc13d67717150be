"""The installed name. In a wheel this package holds all of ours: there is no `app` in site-packages."""
