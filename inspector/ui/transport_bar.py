"""The row under the timeline: buttons, the time, the frame, the speed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

from inspector.core.times import clock_text
from inspector.ui import theme

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PySide6.QtGui import QAction

HEIGHT = 44


class TransportBar(QWidget):
    """Follows the player; its buttons are the window's actions."""

    def __init__(self, actions: Mapping[str, QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(HEIGHT)
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.MARGIN, 0, theme.MARGIN, 0)
        row.setSpacing(theme.STEP)
        self._buttons: dict[str, QToolButton] = {}
        for name in ("previous", "start", "frame_back", "play", "frame_on", "end", "next"):
            button = QToolButton(self)
            button.setDefaultAction(actions[name])
            button.setIconSize(QSize(16, 16))
            button.setFixedSize(44 if name == "play" else 32, 30)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            row.addWidget(button)
            self._buttons[name] = button
        row.addSpacing(theme.MARGIN)
        self.time = QLabel("0:00.000", self)
        self.time.setAccessibleName("playhead")
        row.addWidget(self.time)
        row.addSpacing(theme.MARGIN)
        self.detail = QLabel("", self)
        self.detail.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.detail.setTextFormat(Qt.TextFormat.PlainText)
        row.addWidget(self.detail, 1)
        self.right = QLabel("", self)
        self.right.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.right.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.right.setTextFormat(Qt.TextFormat.PlainText)
        row.addWidget(self.right, 2)
        self.restyle()

    def restyle(self) -> None:
        """Take faces and colours from the theme in force."""
        colors = theme.current()
        self.time.setFont(theme.mono_font(18))
        for label in (self.detail, self.right):
            label.setFont(theme.mono_font(12))
            label.setStyleSheet(f"color: {colors.quiet.name()}")
        self._buttons["play"].setStyleSheet(
            f"QToolButton {{ background: {colors.accent.name()}; border-radius: {theme.RADIUS}px }}"
            f"QToolButton:hover {{ background: {colors.accent.lighter(112).name()} }}"
            f"QToolButton:disabled {{ background: {colors.raised.name()} }}"
        )

    def set_time(self, at_ns: int) -> None:
        """The playhead's time."""
        self.time.setText(clock_text(at_ns))

    def set_loop(self, loop: tuple[int, int] | None) -> None:
        """The stretch that is played over and over."""
        self.right.setText(
            "" if loop is None else f"loop {clock_text(loop[0], 1)} – {clock_text(loop[1], 1)}"
        )

    def set_detail(self, frame: int | None, speed: float, playing: bool) -> None:
        """The reference film's frame number and the speed."""
        parts = [] if frame is None else [f"frame {frame}"]
        parts.append(f"{speed:g}×" if playing else "1×" if speed == 1 else f"{speed:g}×")
        self.detail.setText(" · ".join(parts))
