"""What a channel is made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tocsin.application.ports import ChannelError
from tocsin.domain.errors import InvalidError
from tocsin.domain.procedures import Site


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """Company values and permissions, as they are now; when they change, channels are made anew.

    Args:
        site: the company's values.
        resolve: turns a value that may be a reference (`${NAME}`, `file:PATH`) into what it stands for; raises
            InvalidError when it stands for nothing.
        allow_private: whether addresses that people give may lead into private networks.
    """

    site: Site
    resolve: Callable[[str], str]
    allow_private: bool = False

    def secret(self, reference: str) -> str:
        """What a secret's reference stands for, read at the moment it is used.

        Raises:
            ChannelError: it stands for nothing; permanent, since only an operator can change that.
        """
        try:
            return self.resolve(reference)
        except InvalidError as error:
            raise ChannelError(error.detail, permanent=True) from error
