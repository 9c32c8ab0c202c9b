"""Run the commands as `python -m critterdb`."""

from critterdb.cli import main

if __name__ == "__main__":
    main()
