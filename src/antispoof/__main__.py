"""`python -m antispoof`."""

from antispoof.cli import main

main()
