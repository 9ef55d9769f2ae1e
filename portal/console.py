"""Mail to the console, where there is no mail server: as it reads in a mailbox, without what only machines read."""

from django.core.mail import EmailMessage
from django.core.mail.backends import console


class EmailBackend(console.EmailBackend):
    """Prints to whom, about what, and the text."""

    def write_message(self, message: EmailMessage) -> None:
        """Print one mail between two lines."""
        head = f"To: {', '.join(message.to)}\nSubject: {message.subject}"
        self.stream.write(f"{'-' * 79}\n{head}\n\n{message.body.rstrip()}\n")
