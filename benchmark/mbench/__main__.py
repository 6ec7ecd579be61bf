"""`python -m mbench` is the command `mbench`."""

from mbench.cli import main

if __name__ == "__main__":
    main(prog_name="mbench")
