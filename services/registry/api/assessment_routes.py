"""Routes of facts, judgements and stages."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.registry.api.assessment_schemas import (
    AssessIn,
    ExplainedOut,
    FactCatalogue,
    FactsIn,
    FactTypeOut,
    JobStartedOut,
    ListedOut,
    ListedPage,
    OverrideIn,
    SheetList,
    StageList,
    StandardIn,
    VerdictCountOut,
    VerdictCounts,
    VerdictIn,
)
from services.registry.api.paging import id_in
from services.registry.domain.facts import CATALOGUE
from services.registry.store.assessments import (
    WantedAssessments,
    count_by_verdict,
    find_assessments,
)
from services.registry.usecases import assessing
from services.registry.usecases.assessing import OverrideStage, StartAssessment, StateFacts
from shared.platform.access import may
from shared.platform.web import Cursor, Limit, Run, page_of

router = APIRouter(tags=["assessments"])


@router.get("/facts", dependencies=[may("assessment", "read")])
async def get_fact_catalogue(_run: Run) -> FactCatalogue:
    """可填报的企业数据项。"""
    return FactCatalogue(items=[FactTypeOut.model_validate(each) for each in CATALOGUE.values()])


@router.get("/enterprises/{enterprise_id}/facts", dependencies=[may("assessment", "read")])
async def get_facts(enterprise_id: UUID, run: Run) -> SheetList:
    """一家企业已填报的数据,按数据日期由近及远。"""
    return SheetList.of(await run.read(assessing.list_facts, enterprise_id))


@router.post(
    "/enterprises/{enterprise_id}/facts",
    status_code=201,
    response_model=SheetList,
    dependencies=[may("assessment", "update")],
)
async def post_facts(enterprise_id: UUID, body: FactsIn, run: Run) -> Response:
    """填报一家企业某日的数据,注明来源;不知道的不填,确认没有的填 null。"""
    command = StateFacts(
        enterprise_id=enterprise_id, as_of=body.as_of, source=body.source, facts=body.in_fen()
    )
    return await run(assessing.state_facts, command, answer=SheetList.of, status=201)


@router.post(
    "/assessments",
    status_code=202,
    response_model=JobStartedOut,
    dependencies=[may("assessment", "create")],
)
async def post_assessments(body: AssessIn, run: Run) -> Response:
    """按现行标准评价全部企业或某一期名单(科技型中小企业、四科标准、生命周期阶段)。"""
    command = StartAssessment(list_vintage=body.list_vintage, judged_on=body.judged_on)
    return await run(
        assessing.start_assessment,
        command,
        answer=lambda job_id: JobStartedOut(job_id=job_id),
        status=202,
    )


@router.get("/assessments", dependencies=[may("assessment", "read")])
async def get_assessments(
    *,
    run: Run,
    standard: StandardIn,
    verdict: VerdictIn | None = None,
    region: Annotated[str | None, Query(pattern=r"^\d{6}$")] = None,
    list_vintage: Annotated[str | None, Query(max_length=10)] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> ListedPage:
    """按评价结果列出企业。"""
    wanted = WantedAssessments(
        standard=standard,
        verdict=verdict,
        region=region,
        list_vintage=list_vintage,
        after=id_in(cursor),
        limit=limit,
    )
    found = await run.read(find_assessments, wanted)
    items, following = page_of(found, limit, lambda each: (str(each.enterprise_id),))
    return ListedPage(items=[ListedOut.of(each) for each in items], next_cursor=following)


@router.get("/assessments/counts", dependencies=[may("assessment", "read")])
async def get_assessment_counts(run: Run) -> VerdictCounts:
    """各项标准下符合、不符合、未知的企业数。"""
    found = await run.read(count_by_verdict)
    items = [
        VerdictCountOut.model_validate(
            {"standard": standard, "verdict": verdict, "enterprises": enterprises}
        )
        for standard, verdict, enterprises in found
    ]
    return VerdictCounts(items=items)


@router.get("/enterprises/{enterprise_id}/assessments", dependencies=[may("assessment", "read")])
async def get_enterprise_assessments(enterprise_id: UUID, run: Run) -> ExplainedOut:
    """一家企业的评价结果:逐项标准、所依据的数据及其日期和来源、所用标准的版本。"""
    return ExplainedOut.of(await run.read(assessing.explain, enterprise_id))


@router.post(
    "/enterprises/{enterprise_id}/assessments",
    response_model=ExplainedOut,
    dependencies=[may("assessment", "update")],
)
async def post_enterprise_assessment(enterprise_id: UUID, run: Run) -> Response:
    """立即评价一家企业并给出逐项理由。"""
    return await run(assessing.assess_one, enterprise_id, answer=ExplainedOut.of)


@router.put(
    "/enterprises/{enterprise_id}/stage",
    response_model=StageList,
    dependencies=[may("assessment", "approve")],
)
async def put_stage(enterprise_id: UUID, body: OverrideIn, run: Run) -> Response:
    """人工调整生命周期阶段(须写明原因),自次日起生效;stage 为 null 取消人工调整。"""
    command = OverrideStage(
        enterprise_id=enterprise_id, stage=body.stage, phase=body.phase, reason=body.reason
    )
    return await run(assessing.override_stage, command, answer=StageList.of)
