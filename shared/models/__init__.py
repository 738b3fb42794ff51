"""Where models lie: inside installed packages, converted in a cache, or in folders that settings name."""
