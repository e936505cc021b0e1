"""Personal data as callers see it by default: enough to recognise, too little to misuse."""


def masked_name(name: str) -> str:
    """Return a person's name with all but its first character hidden."""
    return name[:1] + "*" * min(len(name) - 1, 2) if name else ""


def masked_phone(phone: str) -> str:
    """Return a number with its middle digits hidden; a short one hidden but for its end."""
    if len(phone) < 8:
        return "*" * max(len(phone) - 2, 0) + phone[-2:] if phone else ""
    return f"{phone[:3]}****{phone[-4:]}"
