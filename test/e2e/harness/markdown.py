"""Tables of a Markdown file, with the heading that they stand under."""
import re


class Table:
    """rows: a list of {column: cell}; the cells without their blanks."""

    def __init__(self, heading, columns):
        self.heading, self.columns, self.rows = heading, columns, []


def cells(line):
    return [cell.strip().replace(r"\|", "|")
            for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


def tables(text):
    """Code blocks (fenced, or indented by four) are left out."""
    found, heading, table, fenced = [], "", None, False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        if fenced or not line.startswith("|"):
            table = None
            if not fenced and line.startswith("#"):
                heading = line.lstrip("#").strip()
        elif table is None:
            table = Table(heading, cells(line))
            found.append(table)
        elif not re.fullmatch(r"\|[-:| ]+\|", line.strip()):
            row = cells(line)
            assert len(row) == len(table.columns), f"a row under \"{heading}\" has not" \
                f" {len(table.columns)} cells: {line}"
            table.rows.append(dict(zip(table.columns, row)))
    return found


def code(cell):
    """`x` without the backticks, and an empty cell; anything else is an error."""
    match = re.fullmatch(r"`(.*)`|", cell)
    assert match, f"this has to be `in backticks`: {cell}"
    return match.group(1) or ""


def blocks(text):
    """The indented code blocks."""
    return [re.sub(r"(?m)^    ", "", block)
            for block in re.findall(r"(?m)(?:^\n)((?:^    .*\n(?:\n(?=    ))?)+)", text)]
