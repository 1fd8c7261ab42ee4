"""The policies that ship, one YAML file each."""
