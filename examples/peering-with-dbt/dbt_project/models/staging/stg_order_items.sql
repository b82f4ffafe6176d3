select
    id as order_item_id,
    order_id,
    species,
    quantity,
    quantity * unit_price as price
from {{ ref('raw_order_items') }}
