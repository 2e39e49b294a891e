"""The words allowed in a module's name without an explanation: plain English, and names of the field."""

from __future__ import annotations

PLAIN = frozenset(
    """
    aborted access account add always arguments by call calls cancel capacity child code connection create data
    delete deliver describe distributed excerpts execute fail failing fails faults fetch field fields files for
    formats functions get in item items keys kinds language limits list listing load locations loops main memory
    messages mover moves names object operations options origin output page pages paper parent parents pass path
    paths pause pictures places plan process protocol put reader ready references remove render request requests
    resources response rest result resume rows rules run runs sample save scripts selection send sequences server
    settings shapes signals sleep sockets source start statements statuses stop store stream succeed success table
    tag tags target targets test tests text threads times unpacked untag update values view views wait waiting
    writer
    """.split()
)
"""Words of everyday English."""

FIELD = frozenset(
    """
    activities activity alias aliases api app archive arns artifact artifacts assembly async aws body brackets catalog
    choice claims clients columns commands concurrency config configs configuration context contract core crashpoints
    dashboard database dataflow db definition definitions emulator engine entries errors evaluation events executions
    expressions failure flaky function gateway graph guards gunicorn health home http ids inputs intrinsic intrinsics
    invocations invoice invoke invoker java json jsonata jsontext lambda lambdas ledger logs machine machines map
    migrate mocks model models openapi parallel payloads pdf permission policies policy polled pool pooler postgresql
    publish queries query queues regex resource retention routes runtime schema schemas scope sfn signing sigv spawner
    sqlite states step steplist steps storage sync task tasks templates timers tokens transition validate versions
    visits worker workflows
    """.split()
)
"""Words known from the documents of AWS, of Temporal or of a Python web framework."""
