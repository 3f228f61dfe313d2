"""`python -m docs.generate` (`make docs`): writes every generated page anew."""

from __future__ import annotations

from docs.generate.pages import DOCS, generated


def main() -> None:
    for path, text in generated().items():
        changed = not (DOCS / path).exists() or (DOCS / path).read_text() != text
        (DOCS / path).write_text(text)
        print(f"{'wrote' if changed else 'as it was'}  docs/{path}")


if __name__ == "__main__":
    main()
