"""The colours of a chart's series, the same in the report and in Metabase."""

# Okabe-Ito in an order whose neighbours differ in lightness too; on dark ground the two blues become blue and yellow.
LIGHT = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#999999")
DARK = ("#56B4E9", "#E69F00", "#1EC296", "#E199C3", "#F0E442", "#F0783C", "#8A8F98")
