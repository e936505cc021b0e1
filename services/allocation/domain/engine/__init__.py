"""The allocation engine: `allocate`, `explain`, `what_if`, `verify` over arrays, and nothing else.

No database, no clock, no chance, no network: the same arrays and policy give the same answer.

    problem     what is asked: a city as arrays, a policy
    scoring     what each pair costs, as one exact integer; bands
    auction     a start near the optimum, compiled
    kernel      the optimum, compiled
    allocating  a city shared out, with the certificate that it is optimal
    explaining  why each enterprise stands where it does; why some have no place
    comparing   what-if: another policy or other capacities against what is
    joint       the same with outlets that have capacities of their own
    pairing     what enterprise and outlet cost together, made when asked for
    seating     who sits at which outlet, and how that looks by bank
    flow        the same problem for a library's network solver: second implementation and oracle
    verify      the stand-alone check of an exported plan (needs numpy only)
"""
