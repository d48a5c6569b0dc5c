"""Which licences may leave the dataset: the policy of every release, chosen in the export dialog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QWidget

from inspector.release.policy import Policy
from inspector.ui import theme

if TYPE_CHECKING:
    from collections.abc import Sequence

ANY, NAMED, ALLOWED, DENIED = "any", "named", "allowed", "denied"
_WAYS = (
    (ANY, "Any, or none: there is no policy"),
    (NAMED, "Any that a record names"),
    (ALLOWED, "These alone"),
    (DENIED, "All but these"),
)


class Licences(QWidget):
    """What may leave, as a choice and a list of names. What it cannot show of a policy, it keeps."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._policy: Policy | None = None
        self._told: Policy | None = None
        self.way = QComboBox(self)
        for name, text in _WAYS:
            self.way.addItem(text, name)
        self.way.setAccessibleName("Licences")
        self.names = QLineEdit(self)
        self.names.setAccessibleName("Names of licences")
        self.names.setToolTip(theme.tip("Licences as the records name them, with commas between"))
        self.names.editingFinished.connect(self._tell)
        self.way.activated.connect(self._chose)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.way, 1)
        row.addWidget(self.names, 1)
        self.show_policy(None, ())

    def show_policy(self, policy: Policy | None, known: Sequence[str]) -> None:
        """The policy in force, and the licences that the dataset names."""
        self._policy = policy
        way = NAMED
        names: tuple[str, ...] = ()
        if policy is None:
            way = ANY
        elif policy.allow:
            way, names = ALLOWED, policy.allow
        elif policy.deny:
            way, names = DENIED, policy.deny
        self.way.setCurrentIndex(self.way.findData(way))
        self.names.setText(", ".join(names))
        self.names.setPlaceholderText(", ".join(known) or "CC-BY-4.0, CC0-1.0")
        self._show_names()
        self._told = self.policy()

    def policy(self) -> Policy | None:
        """What stands here. Until a name is typed, none is left out by name."""
        way = self.way.currentData()
        if way == ANY:
            return None
        old = self._policy or Policy()
        names = tuple(name for each in self.names.text().split(",") if (name := each.strip()))
        if way == ALLOWED:
            return Policy(names, old.deny, old.column)
        return Policy((), names if way == DENIED else (), old.column)

    def _chose(self) -> None:
        self._show_names()
        self._tell()

    def _tell(self) -> None:
        """Once a name is typed to its end: what stands here on the way would hold records back."""
        if self.policy() != self._told:
            self._told = self.policy()
            self.changed.emit()

    def _show_names(self) -> None:
        self.names.setVisible(self.way.currentData() in (ALLOWED, DENIED))
