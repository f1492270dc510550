"""The intermediate representation: its types, its shape, its codec."""
