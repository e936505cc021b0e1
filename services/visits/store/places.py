"""Where an enterprise is on a day, as a piece of SQL other queries join with."""

#: The newest place known by the day; before the first one, the first.
PLACE_ON = (
    "select * from enterprise_place where enterprise_id = {enterprise}"
    " order by valid_from <= {day} desc, abs(valid_from - {day}) limit 1"
)
