"""A window with what a camera shows and the verdict under it, where the machine has a display.

Tk, which comes with Python: the OpenCV that is installed with this package has no windows, so that it runs
where there is no display.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import tkinter

__all__ = ["Window", "opened"]

LONGEST_SIDE = 960  # px
BEHIND_S = 0.1  # pictures that are so late are not shown


def opened(title: str) -> Window | str:
    """Open a window, or say why there is none."""
    try:
        import tkinter
    except ImportError:
        return "this Python has no Tk (on Debian and Ubuntu: apt install python3-tk)"
    try:
        return Window(tkinter.Tk(), title)
    except tkinter.TclError as error:
        return str(error)


class Window:
    """One window.

    Args:
        root: of Tk.
        title: of the window.
    """

    def __init__(self, root: tkinter.Tk, title: str) -> None:
        import tkinter

        self._root, self._begin_s = root, time.monotonic()
        root.title(title)
        root.protocol("WM_DELETE_WINDOW", self._close)
        self._picture = tkinter.Label(root)
        self._picture.pack()
        self._words = tkinter.Label(root, font=("sans-serif", 24), fg="white", bg="gray", padx=8, pady=8)
        self._words.pack(fill="x")
        self._kept: Any = None
        self._open = True

    def _close(self) -> None:
        self._open = False
        self._root.destroy()

    def show(self, time_s: float, picture: NDArray[np.uint8], words: tuple[str, str]) -> bool:
        """Show a picture at its time, with words and their colour.

        Args:
            time_s: seconds since the first picture.
            picture: uint8, (H, W, 3), RGB.
            words: the words, and a colour that Tk knows.

        Returns:
            whether the window is open.
        """
        from PIL import Image, ImageTk

        late_s = time.monotonic() - self._begin_s - time_s
        if late_s < 0:
            time.sleep(-late_s)  # a film is read faster than it runs
        if self._open and late_s < BEHIND_S:
            image = Image.fromarray(picture)
            image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
            self._kept = ImageTk.PhotoImage(image)  # Tk keeps no picture alive
            self._picture.configure(image=self._kept)
        if self._open:
            self._words.configure(text=words[0], bg=words[1])
            self._root.update()
        return self._open
