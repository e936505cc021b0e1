"""What is entered, as the events that announce it."""

from uuid import UUID

from services.credit.domain.applications import Application, Decision
from services.credit.domain.contents import NewLine, NewLoan, NewMovement
from shared.contracts.credit import (
    ApplicationDecided,
    ApplicationFiled,
    CreditLineApproved,
    LoanDrawn,
    LoanGranted,
    LoanReversed,
    RepaymentBooked,
)
from shared.contracts.event import Event


def application_filed(application: Application) -> ApplicationFiled:
    """An application was entered."""
    filing = application.filing
    return ApplicationFiled(
        application_id=filing.application_id,
        enterprise_id=filing.enterprise_id,
        institution_id=filing.institution_id,
        outlet_id=filing.outlet_id,
        region_code=application.region_code,
        product_code=filing.product_code,
        amount_fen=filing.amount_fen,
        filed_on=filing.filed_on,
    )


def application_decided(
    application: Application, decision: Decision, region_code: str
) -> ApplicationDecided:
    """The bank decided; its words stay here, the code goes out, with the county of the day."""
    filing = application.filing
    return ApplicationDecided(
        application_id=filing.application_id,
        enterprise_id=filing.enterprise_id,
        institution_id=filing.institution_id,
        outlet_id=filing.outlet_id,
        region_code=region_code,
        approved=decision.approved,
        amount_fen=decision.amount_fen or 0,
        reason_code=decision.reason_code,
        decided_on=decision.decided_on,
    )


def line_approved(line: NewLine, institution_id: UUID) -> CreditLineApproved:
    """A line was entered."""
    return CreditLineApproved(
        line_id=line.line_id,
        enterprise_id=line.content.enterprise_id,
        institution_id=institution_id,
        outlet_id=line.content.outlet_id,
        region_code=line.region_code,
        amount_fen=line.content.amount_fen,
        valid_from=line.content.valid_from,
        valid_until=line.content.valid_until,
        approved_on=line.content.approved_on,
    )


def loan_granted(loan: NewLoan, institution_id: UUID) -> LoanGranted:
    """A loan contract was entered."""
    content = loan.content
    return LoanGranted(
        loan_id=loan.loan_id,
        line_id=content.line_id,
        enterprise_id=content.enterprise_id,
        institution_id=institution_id,
        outlet_id=content.outlet_id,
        region_code=loan.region_code,
        amount_fen=content.amount_fen,
        origin=content.origin,
        securities=content.securities,
        annual_rate_bp=content.annual_rate_bp,
        booked_at=content.booked_at,
        first_loan_claimed=content.first_loan_claimed,
        granted_on=content.granted_on,
        matures_on=content.matures_on,
    )


def movement_event(moved: NewMovement, institution_id: UUID) -> Event:
    """Money moved under a loan."""
    if moved.kind == "repayment":
        return RepaymentBooked(
            repayment_id=moved.movement_id,
            loan_id=moved.loan_id,
            enterprise_id=moved.enterprise_id,
            institution_id=institution_id,
            outlet_id=moved.outlet_id,
            principal_fen=moved.amount_fen,
            repaid_on=moved.business_on,
        )
    if moved.drawdown_id is None:
        return LoanDrawn(
            drawdown_id=moved.movement_id,
            loan_id=moved.loan_id,
            enterprise_id=moved.enterprise_id,
            institution_id=institution_id,
            outlet_id=moved.outlet_id,
            region_code=moved.region_code,
            amount_fen=moved.amount_fen,
            new_money=moved.new_money,
            drawn_on=moved.business_on,
        )
    return LoanReversed(
        reversal_id=moved.movement_id,
        drawdown_id=moved.drawdown_id,
        loan_id=moved.loan_id,
        enterprise_id=moved.enterprise_id,
        institution_id=institution_id,
        outlet_id=moved.outlet_id,
        amount_fen=moved.amount_fen,
        new_money=moved.new_money,
        reversed_on=moved.business_on,
    )
