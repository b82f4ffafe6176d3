select
    species,
    sepal_length * sepal_width as sepal_area,
    petal_length * petal_width as petal_area
from {{ source('lakehouse', 'iris') }}
