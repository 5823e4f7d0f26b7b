"""Example faces, icon and screenshots."""
